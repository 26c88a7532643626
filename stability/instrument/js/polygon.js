// Polygons of a plane, as lists of their corners.

/**
 * The middle of a polygon's area, and the area.
 * @param {[number, number][]} corners
 * @returns {{area: number, middle: [number, number]}}
 */
export function middleAndArea(corners) {
  let [area, x, y] = [0, 0, 0];
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length];
    const cross = x1 * y2 - x2 * y1;
    area += cross / 2;
    x += ((x1 + x2) * cross) / 6;
    y += ((y1 + y2) * cross) / 6;
  });
  return area === 0 ? { area: 0, middle: [0, 0] } : { area: Math.abs(area), middle: [x / area, y / area] };
}

/**
 * Whether a point lies within a polygon.
 * @param {[number, number][]} corners
 * @param {number} x
 * @param {number} y
 * @returns {boolean}
 */
export function isWithin(corners, x, y) {
  let isInside = false;
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) isInside = !isInside;
  });
  return isInside;
}
