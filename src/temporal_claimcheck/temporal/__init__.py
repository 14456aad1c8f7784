"""The doors to Temporal: storage driver, codec, and the plugin that wires them."""
