// Tell the server when the picture is on the screen: the second frame comes after the first is painted.
export default function ({ data: painted, setStateValue }) {
  if (painted) return;
  requestAnimationFrame(() => requestAnimationFrame(() => setStateValue("painted", true)));
}
