"""Where the API is when nobody says otherwise; apart, so that the command line's help costs no import."""

API_URL = "https://console-api.enforce.dev"
