// The token strip: one chip a token; a click or an arrow key chooses. Nodes are updated in place, so
// that the focus stays where it is.
export default function ({ data, parentElement, setStateValue }) {
  const strip = parentElement.querySelector(".strip");
  while (strip.children.length > data.tokens.length) strip.lastChild.remove();
  data.tokens.forEach((token, index) => {
    let chip = strip.children[index];
    if (!chip) {
      chip = document.createElement("button");
      chip.type = "button";
      strip.appendChild(chip);
    }
    chip.textContent = token.text;
    chip.title = token.title;
    chip.style.backgroundColor = token.colour;
    chip.style.color = token.ink;
    chip.setAttribute("aria-pressed", index === data.chosen);
    chip.tabIndex = index === data.chosen ? 0 : -1;
    const choose = (to) => {
      const next = strip.children[to];
      if (next) {
        next.focus();
        setStateValue("position", to);
      }
    };
    chip.onclick = () => choose(index);
    chip.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        event.preventDefault();
        choose(index + step);
      }
    };
  });
}
