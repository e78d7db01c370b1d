const form = document.getElementById('filter'), find = document.getElementById('find'), hits = document.getElementById('hits');
const rows = [...document.querySelectorAll('.controls > tbody')], boxes = [...form.querySelectorAll('[name=state]')];
const words = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
function filter() {
  const word = find.value.trim().toLowerCase(), states = new Set(boxes.filter(box => box.checked).map(box => box.value));
  let shown = 0;
  for (const row of rows) {
    row.hidden = !states.has(row.dataset.state) || !words.get(row).includes(word);
    shown += !row.hidden;
  }
  hits.textContent = `${shown} of ${rows.length} controls shown`;
}
function key(row, column) {
  const text = row.rows[0].cells[column].textContent.trim(), number = parseInt(text.replace(/^\D+/, ''), 10);
  return column > 1 ? number : column === 1 ? boxes.findIndex(box => box.value === row.dataset.state) : text;
}
function sort(table, head, column) {
  const down = head.getAttribute('aria-sort') === 'ascending', sign = down ? -1 : 1;
  for (const other of head.parentNode.cells) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const sorted = [...table.tBodies].sort((a, b) => {
    const [x, y] = [key(a, column), key(b, column)];
    return sign * (typeof x === 'number' ? x - y : x.localeCompare(y, undefined, { numeric: true }));
  });
  table.append(...sorted);
}
for (const table of document.querySelectorAll('.controls')) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    button.addEventListener('click', () => sort(table, head, column));
    head.replaceChildren(button);
  });
}
const all = document.getElementById('open');
all.addEventListener('click', () => {
  const open = all.textContent === 'Open all';
  for (const row of rows) if (!row.hidden) row.querySelector('details').open = open;
  all.textContent = open ? 'Close all' : 'Open all';
});
function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches('details')) target.open = true;
}
form.hidden = false;
form.addEventListener('submit', event => event.preventDefault());
form.addEventListener('input', filter);
addEventListener('hashchange', reveal);
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(one => { one.open = true; }));
filter();
reveal();
