"""``python -m hub_agent``."""

from hub_agent.cli import main

main()
