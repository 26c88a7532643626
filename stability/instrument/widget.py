"""The instrument as a widget of Jupyter, VS Code and Colab."""

from typing import Any

import anywidget
import traitlets

from stability.errors import StabilityError
from stability.instrument import bundle
from stability.instrument.exploration import Exploration

# the colours of the notebook, where it tells them
STYLE = """
.stability-notebook {
  --st-text-color: var(--jp-content-font-color1, var(--vscode-editor-foreground));
  --st-background-color: var(--jp-layout-color0, var(--vscode-editor-background));
  display: block; padding: 4px;
}
"""


class Instrument(anywidget.AnyWidget):
    """An exploration that is seen: each event that the browser sends changes it, and is answered.

    `scene` is what is shown, and `view` what is set in the browser, such as `view["epsilon"]`.
    """

    _esm = bundle.module("notebook") + "export default { render: renderNotebook };\n"
    _css = bundle.style() + STYLE
    scene = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, exploration: Exploration, view: dict[str, Any]) -> None:
        *_, first = exploration.scenes(exploration.look)
        super().__init__(scene=first, view=view)
        self.exploration = exploration
        self.on_msg(lambda _, event, __: self.answer(event))

    def __repr__(self) -> str:
        setting = self.scene["setting"]
        where = f"{setting['model']['name']}, {setting['site']}, token {setting['position']}"
        return f"<Instrument: {where}, {setting['direction']['label']}>"

    def answer(self, event: dict[str, Any]) -> None:
        """Answer an event of the browser; what cannot be is said in the scene, which stays."""
        before = self.scene
        try:
            # what is known at once, and then all
            for scene in self.exploration.scenes(self.exploration.after(event)):
                self.scene = scene
        except StabilityError as error:
            # numbered, as the same sentence may be said again
            noted = self.scene.get("noted", 0) + 1
            self.scene = {**before, "notes": [str(error)], "noted": noted}
