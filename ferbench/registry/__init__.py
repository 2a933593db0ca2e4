"""The catalog of components: finds plugins, and checks and lists what they register."""
