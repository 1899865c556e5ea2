"""The demo: virtual patients, the real agent, a broker and the reference NOC on one machine."""
