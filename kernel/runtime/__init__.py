"""Settings, embedded servers, logs and health of one installation."""
