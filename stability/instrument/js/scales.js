// Scales of a figure: where a value is drawn, which value a place stands for, and a few round ticks.

import { digits } from "./format.js";

/** Ticks of a linear axis, and decades of a logarithmic one, that are named at most. */
const MOST_TICKS = 6;

/**
 * @typedef {object} Scale
 * @property {(value: number) => number} at     the pixel of a value
 * @property {(pixel: number) => number} value  the value at a pixel
 */

/**
 * A linear scale.
 * @param {[number, number]} ends    values
 * @param {[number, number]} pixels  where they are drawn
 * @returns {Scale}
 */
export function linearScale([low, high], [start, stop]) {
  const rate = (stop - start) / (high - low);
  return { at: (value) => start + (value - low) * rate, value: (pixel) => low + (pixel - start) / rate };
}

/**
 * A logarithmic scale.
 * @param {[number, number]} ends    positive values
 * @param {[number, number]} pixels  where they are drawn
 * @returns {Scale}
 */
export function logScale([low, high], pixels) {
  const logs = linearScale([Math.log(low), Math.log(high)], pixels);
  return { at: (value) => logs.at(Math.log(value)), value: (pixel) => Math.exp(logs.value(pixel)) };
}

/**
 * Round values between two ends, one, two or five of a power of ten apart.
 * @param {[number, number]} ends
 * @param {number} [most]
 * @returns {number[]}
 */
export function linearTicks([low, high], most = MOST_TICKS) {
  const least = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((count) => count * power).find((size) => size >= least * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  // a product of the step, and no sum, so that zero is zero
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * Powers of ten between two ends, or where there are fewer than two of them the two ends.
 * @param {[number, number]} ends
 * @param {number} [most]
 * @returns {number[]}
 */
export function logTicks([low, high], most = MOST_TICKS) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  if (last <= first) return low === high ? [low] : [low, high].map((end) => Number(end.toPrecision(2)));
  const stride = Math.ceil((last - first + 1) / most);
  const count = Math.floor((last - first) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Number(`1e${first + i * stride}`));
}

/**
 * Round values on a logarithmic axis: one, two and five of each power of ten.
 * @param {[number, number]} ends  positive
 * @returns {number[]}
 */
export function roundTicks([low, high]) {
  const [first, last] = [low, high].map((end) => Math.floor(Math.log10(end)));
  const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const ticks = powers.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/**
 * A tick's number: three digits at most, no zeros behind.
 * @param {number} value
 * @returns {string}
 */
export function tickText(value) {
  return digits(value).replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");
}
