const ONE_CELL = /[",\n\r]/;

// Quoted by RFC 4180; a missing number is an empty cell.
function csvCell(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = String(value);
  return ONE_CELL.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
}

export function csvText(rows) {
  return rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}
