"""What the app's server does beside Streamlit."""

from typing import Any

from starlette.middleware import Middleware

from stability.ui.files import FilesInMemory
from stability.ui.first_picture import FirstPicture
from stability.ui.undelayed import undelayed

# arguments of `streamlit.App`
PARTS: dict[str, Any] = {
    "middleware": [Middleware(FilesInMemory), Middleware(FirstPicture)],
    "lifespan": undelayed,
}
