// The token strip: one chip a token; a click or an arrow key chooses. Nodes are updated in place, so
// that the focus stays where it is.
export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip");
  strip.classList.toggle("roles", data.tokens.some((token) => token.role));
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
    chip.setAttribute("aria-label", `${token.text}, ${token.title}`);
    chip.classList.toggle("special", token.special);
    // a name above the first token of each turn, a line beneath all of them
    const before = index ? data.tokens[index - 1].role : null;
    chip.dataset.role = token.role ?? "";
    chip.dataset.starts = token.role === before ? "" : chip.dataset.role;
    chip.style.backgroundColor = token.colour;
    chip.style.color = token.ink;
    chip.setAttribute("aria-pressed", index === data.chosen);
    chip.tabIndex = index === data.chosen ? 0 : -1;
    const choose = (to) => {
      const next = strip.children[Math.max(0, Math.min(to, strip.children.length - 1))];
      if (next) {
        next.focus();
        setTriggerValue("position", [...strip.children].indexOf(next));
      }
    };
    chip.onclick = () => choose(index);
    chip.onkeydown = (event) => {
      const last = strip.children.length - 1;
      const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        choose(to);
      }
    };
  });
  const chosen = strip.children[data.chosen];
  const above = chosen.offsetTop - strip.offsetTop;
  if (above < strip.scrollTop || above + chosen.offsetHeight > strip.scrollTop + strip.clientHeight) {
    strip.scrollTop = above - strip.clientHeight / 2;
  }
}
