import { present } from "./numbers.js";

export const MISSING = "–";

// Plotly reads its labels as a small part of HTML; a name must come out as it is.
export function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

export function wrapped(text, longest) {
  const lines = [""];
  for (const word of String(text).split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= longest) lines.push(word);
    else lines[lines.length - 1] = last ? last + " " + word : word;
  }
  return lines.map(plain).join("<br>");
}

export function figure(value, digits) {
  if (!present(value)) return MISSING;
  return Number(value.toPrecision(digits || 3)).toString().replace("-", "−");
}

export function spread(value, seeds, images) {
  if (!present(value)) return MISSING;
  const parts = [];
  if (present(seeds)) parts.push("± " + figure(seeds, 2) + " over seeds");
  if (present(images)) parts.push("± " + figure(images, 2) + " over images");
  return figure(value) + (parts.length ? " (" + parts.join(", ") + ")" : "");
}

// Words of the page as they were before they were made to look well: minus signs, dashes for what is missing.
export function asWritten(text) {
  const word = text.trim();
  return word === MISSING ? "" : word.replace(/−(?=\d)/g, "-");
}
