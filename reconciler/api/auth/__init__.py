"""Bearer tokens: the value (`token`), the current one (`provider`), and their sources (`sources`)."""
