"""The app. Streamlit imports this file for its server, and runs it for each visitor of Explore."""

import streamlit as st
from starlette.middleware import Middleware

from stability.ui.files import FilesInMemory
from stability.ui.first_picture import FirstPicture
from stability.ui.undelayed import undelayed

if __name__ == "__main__":
    from stability.ui.pages import entry
    from stability.ui.pages.explore import page

    entry.show(page.PAGE, page.HEADLINE, page.draw)
else:
    middleware = [Middleware(FilesInMemory), Middleware(FirstPicture)]
    app = st.App(__file__, middleware=middleware, lifespan=undelayed)
