"""``python -m hub_agent.noc``."""

from hub_agent.noc.cli import main

main()
