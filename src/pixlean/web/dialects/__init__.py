"""One entry per public API: ROUTES, read, show and a total ERRORS table; deleting the entry removes the API."""
