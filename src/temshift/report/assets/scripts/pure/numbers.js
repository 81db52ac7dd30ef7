export const present = (value) => value !== null && value !== undefined && !Number.isNaN(value);
export const positive = (values) => values.filter((value) => present(value) && value > 0);
export const logarithm = (value) => (present(value) && value > 0 ? Math.log10(value) : null);

// The lowest and the highest of any number of values.
export function ends(values) {
  let lowest = Infinity, highest = -Infinity;
  for (const value of values) {
    if (!present(value)) continue;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return lowest <= highest ? [lowest, highest] : [];
}

export function mean(values) {
  const found = values.filter(present);
  return found.length ? found.reduce((sum, value) => sum + value, 0) / found.length : null;
}

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

// Every so manieth of a number of things, so that not always the same column of the matrix is met.
export function even(count, most, columns) {
  let step = Math.ceil(count / most);
  while (step > 1 && divisor(step, columns) > 1) step += 1;
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

export function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

// Numbers reach the page with single precision.
export const digits = (value) => (present(value) ? Number(value.toPrecision(7)) : null);
