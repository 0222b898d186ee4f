"""Runs Panelgate and its peers on the same work, in turns, and compares what they cost."""
