"""What Pipedrive's own pages are called, wherever the form, the log or the docs send a person."""

API_PAGE = "Personal preferences > API"
APP_PAGE = "Developer Hub > your app > OAuth & access scopes"
PERMISSIONS_PAGE = "Settings > Manage users > Permission sets"
PLACES = (API_PAGE, APP_PAGE, PERMISSIONS_PAGE)
