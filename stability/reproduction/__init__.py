"""What the sources claim beside what is measured here, and the page that says so."""
