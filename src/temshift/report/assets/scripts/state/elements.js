import { present } from "../pure/numbers.js";

export const element = (id) => document.getElementById(id);
export const chosen = (id) => Number(element(id).value);

export function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes || {}).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function fill(select, names, value) {
  select.replaceChildren(...names.map(([key, name]) => make("option", { value: key }, name)));
  if (present(value)) select.value = String(value);
}

export function onEvent(kind, ids, action) {
  ids.forEach((id) => element(id).addEventListener(kind, action));
}

export const onChange = (ids, action) => onEvent("change", ids, action);
export const onClick = (id, action) => onEvent("click", [id], action);
