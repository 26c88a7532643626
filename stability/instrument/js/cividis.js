// The colours of KL: cividis, which people see alike with any kind of colour vision.

const STOPS = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
];

/**
 * @param {number} share  0 is the darkest, 1 the lightest
 * @returns {string}
 */
export function cividis(share) {
  const place = Math.max(0, Math.min(1, share)) * (STOPS.length - 1);
  const first = Math.min(Math.floor(place), STOPS.length - 2);
  const u = place - first;
  const mixed = STOPS[first].map((low, i) => Math.round(low + u * (STOPS[first + 1][i] - low)));
  return `rgb(${mixed.join(",")})`;
}
