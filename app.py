"""The app. Streamlit imports this file for its server, and runs it for each visitor of Explore."""

import streamlit as st

if __name__ == "__main__":
    from stability.ui.pages import entry
    from stability.ui.pages.explore import page

    entry.show(page.PAGE, page.HEADLINE, page.draw)
else:
    from stability.ui.first_picture import MIDDLEWARE
    from stability.ui.undelayed import undelayed

    app = st.App(__file__, middleware=MIDDLEWARE, lifespan=undelayed)
