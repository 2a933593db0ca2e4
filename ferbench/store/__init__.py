"""What has been computed, kept on disk under keys of what it depends on."""
