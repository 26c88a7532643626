// A field for a prompt: Enter submits, Shift+Enter breaks the line, and leaving the field submits, so
// that nothing typed is lost. A line break at the end, which is a token of its own, is pointed out.
const fields = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!fields.has(parentElement)) fields.set(parentElement, build(parentElement));
  const field = fields.get(parentElement);
  const { box, submitted } = field;
  // as a state, it comes with every message from now on, should the first one be lost
  field.send = (text) => setStateValue("submitted", { text, at: Date.now(), session: data.session });
  box.setAttribute("aria-label", data.label);
  box.placeholder = data.placeholder;
  // a server that has been started anew has not heard what was submitted to the one before
  const isUnheard = field.session !== data.session && submitted.length > 0;
  // the answer to what was submitted here leaves alone what is typed meanwhile
  const answered = submitted.indexOf(data.text);
  if (answered >= 0) submitted.splice(0, answered + 1);
  else if (data.text !== field.known && !isUnheard) box.value = data.text;
  field.known = data.text;
  if (isUnheard && submitted.length) field.send(submitted.at(-1));
  field.session = data.session;
  pointOut(field);
}

function build(root) {
  const box = root.querySelector("textarea");
  const field = { box, hint: root.querySelector("[role=note]"), known: null, submitted: [] };
  const submit = () => {
    if (box.value === (field.submitted.at(-1) ?? field.known)) return;
    field.submitted.push(box.value);
    field.send(box.value);
  };
  box.addEventListener("blur", submit);
  box.addEventListener("input", () => pointOut(field));
  box.addEventListener("keydown", (event) => {
    // an input method ends a word by Enter
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  const shared = globalThis.stabilityInstrument;
  shared?.typed?.then((typed) => takeUp(field, submit, typed));
  delete shared?.typed;
  return field;
}

/** Go on with what has been typed before this field was there, see `first_picture.js`. */
function takeUp(field, submit, { text, submitted, isFocused, selectionStart, selectionEnd }) {
  const { box } = field;
  if (submitted !== null) {
    box.value = submitted;
    submit();
  }
  if (text !== null) box.value = text;
  pointOut(field);
  if (!isFocused) return;
  box.focus({ preventScroll: true });
  box.setSelectionRange(selectionStart, selectionEnd);
}

function pointOut({ box, hint }) {
  hint.hidden = !box.value.endsWith("\n");
}
