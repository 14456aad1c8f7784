"""Reading what others wrote, so that a running system can be moved over. Nothing is written."""
