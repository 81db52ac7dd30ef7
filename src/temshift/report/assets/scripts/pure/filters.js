import { present } from "./numbers.js";

export function within(value, [lowest, highest]) {
  if (Number.isNaN(lowest) && Number.isNaN(highest)) return true;
  return present(value) && !(value < lowest) && !(value > highest);
}

// Every word must occur; one behind a minus must not.
export function worded(item, words) {
  const text = (item.name + " " + item.words).toLowerCase();
  return words.every((word) => (word.length > 1 && word[0] === "-" ? !text.includes(word.slice(1)) : text.includes(word)));
}

// Names in the order of a reader, who takes 10 to come after 9.
export function byName(places, nameOf, sign) {
  const collate = new Intl.Collator("en", { numeric: true }).compare;
  return places.slice().sort((a, b) => sign * collate(nameOf(a), nameOf(b)));
}

// A missing number comes last, whichever way.
export function byNumber(places, numberOf, sign) {
  const keys = new Map(places.map((i) => [i, numberOf(i)])), last = (i) => (present(keys.get(i)) ? 0 : 1);
  return places.slice().sort((a, b) => last(a) - last(b) || sign * (keys.get(a) - keys.get(b)) || a - b);
}
