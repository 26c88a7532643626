// What has changed since it was last drawn.

/**
 * A question that remembers what it was last asked: whether any of these differs from then.
 * @returns {(...values: unknown[]) => boolean}
 */
export function watch() {
  let last = null;
  return (...values) => {
    const isNew = !last || values.some((value, i) => !Object.is(value, last[i]));
    last = values;
    return isNew;
  };
}
