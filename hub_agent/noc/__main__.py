"""``python -m hub_agent.noc``: the same as ``hub-noc``."""

from hub_agent.noc.cli import main

main()
