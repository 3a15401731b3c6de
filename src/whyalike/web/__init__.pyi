"""Pages and their server, imported on first use: FastAPI is an optional package."""

from whyalike.web.api.opening import open_service as open_service
from whyalike.web.page_app import create_app as create_app
from whyalike.web.rating.rating_app import create_rating_app as create_rating_app
from whyalike.web.server import Address as Address
from whyalike.web.server import serve as serve
from whyalike.web.serving import create_explorer_app as create_explorer_app
