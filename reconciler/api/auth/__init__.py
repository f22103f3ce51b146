"""Bearer tokens: one as a value (`token`), the one in use (`provider`), and where they come from (`sources`)."""
