// SPDX-License-Identifier: Apache-2.0
// attempts.js: the table of attempts: search, verdicts, focus, order; rows are made as they are needed.
'use strict';

const ROWS_AT_ONCE = 100;

const COLUMNS = [
  {key: 'experiment', title: '#', class: 'number', value: (a) => a.experiment},
  {key: 'verdict', title: 'Verdict', value: (a) => a.verdict},
  {
    key: 'estimate',
    title: 'Faster',
    class: 'number',
    value: (a) => (known(a.estimate) ? a.estimate : -Infinity),
  },
  {key: 'bar', title: '', class: 'picture'},
  {key: 'focus', title: 'Focus', class: 'wide', value: (a) => a.focus || ''},
  {key: 'time', title: 'Date', class: 'wide date', value: (a) => a.time},
  {key: 'hypothesis', title: 'Hypothesis', value: (a) => a.hypothesis.toLowerCase()},
];

const table = {
  data: null,
  order: 'experiment',
  down: true,
  find: '',
  focus: '',
  verdicts: new Set(),
  rows: [],
  shown: 0,
  text: new Map(),
};

// Names of the cases that an attempt made faster or slower for sure, by more than 1 %.
function movedCases(a) {
  return a.cases.filter((k) => k[2] > 0.01 || k[3] < -0.01).map((k) => table.data.cases[k[0]].name);
}

function searchText(a) {
  if (!table.text.has(a.experiment))
    table.text.set(
      a.experiment,
      [a.hypothesis, a.reason, a.author, a.focus, a.verdict, a.features || '', a.attempt]
        .concat(movedCases(a), `#${a.experiment} `)
        .join('\n')
        .toLowerCase(),
    );
  return table.text.get(a.experiment);
}

function fits(a) {
  if (table.verdicts.size && !table.verdicts.has(verdictKey(a.verdict))) return false;
  if (table.focus && (a.focus || 'mix') !== table.focus) return false;
  return table.find
    .split(/\s+/)
    .every((word) => !word || searchText(a).includes(/^#\d+$/.test(word) ? `${word} ` : word));
}

function arrange() {
  const column = COLUMNS.find((c) => c.key === table.order),
    sign = table.down ? -1 : 1;
  table.rows = table.data.attempts.filter(fits).sort((a, b) => {
    const x = column.value(a),
      y = column.value(b);
    return sign * (x < y ? -1 : x > y ? 1 : a.experiment - b.experiment);
  });
}

function tableRow(a) {
  const title = short(a.hypothesis, 260) || 'no hypothesis';
  const extra = [a.features && a.features !== 'all' ? h('span', {class: 'path'}, a.features) : ''];
  const open = (event) => {
    if (!event.target.closest('a') && !String(getSelection())) location.hash = `attempt-${a.experiment}`;
  };
  return h(
    'tr',
    {onclick: open},
    h('td', {class: 'number'}, String(a.experiment)),
    h('td', {}, badge(a)),
    h('td', {class: 'number', title: interval(a.low, a.high) || null}, percent(a.estimate)),
    h('td', {class: 'picture'}, intervalBar(a.estimate, a.low, a.high, verdictOf(a).kind)),
    h('td', {class: 'wide fine'}, a.focus || (a.cases.length ? 'mix' : '')),
    h('td', {class: 'wide date fine'}, date(a.time).slice(5)),
    h('td', {class: 'text'}, h('a', {href: `#attempt-${a.experiment}`}, title), ...extra),
  );
}

function showMore() {
  const next = table.rows.slice(table.shown, table.shown + ROWS_AT_ONCE);
  $('table').tBodies[0].append(...next.map(tableRow));
  table.shown += next.length;
  const left = table.rows.length - table.shown;
  $('more').hidden = left === 0;
  $('more').textContent = `Show ${Math.min(ROWS_AT_ONCE, left)} more of ${left}`;
}

// At least `least` rows of those that fit.
function showTable(least = 0) {
  arrange();
  $('table').tBodies[0].replaceChildren();
  table.shown = 0;
  do showMore();
  while (table.shown < Math.min(least, table.rows.length));
  $('nothing').hidden = table.rows.length > 0;
  $('table').hidden = table.rows.length === 0;
  const all = table.data.attempts.length;
  $('count').textContent =
    table.rows.length === all ? `${all} rows` : `${table.rows.length} of ${plural(all, 'row')}`;
  for (const th of $('table').tHead.rows[0].cells)
    if (th.dataset.key === table.order) th.setAttribute('aria-sort', table.down ? 'descending' : 'ascending');
    else th.removeAttribute('aria-sort');
}

function headCell(c) {
  if (!c.value) return h('th', {scope: 'col', class: c.class}, hidden('Interval drawn'));
  const sort = () => {
    table.down =
      table.order === c.key
        ? !table.down
        : c.key !== 'hypothesis' && c.key !== 'verdict' && c.key !== 'focus';
    table.order = c.key;
    showTable();
  };
  return h(
    'th',
    {scope: 'col', class: c.class, 'data-key': c.key},
    h(
      'button',
      {type: 'button', onclick: sort},
      c.title === '#' ? h('abbr', {title: 'Number'}, '#') : c.title,
    ),
  );
}

function verdictFilters(data) {
  const counts = new Map();
  for (const a of data.attempts)
    counts.set(verdictKey(a.verdict), (counts.get(verdictKey(a.verdict)) || 0) + 1);
  return Object.keys(VERDICTS)
    .filter((k) => counts.has(k))
    .map((k) => {
      const box = h('input', {
        type: 'checkbox',
        value: k,
        checked: table.verdicts.has(k),
        onchange: (event) => {
          if (event.target.checked) table.verdicts.add(k);
          else table.verdicts.delete(k);
          showTable();
        },
      });
      return h(
        'label',
        {class: 'chip'},
        box,
        glyph(VERDICTS[k]),
        `${VERDICTS[k].word} `,
        h('b', {}, String(counts.get(k))),
      );
    });
}

// Fill select with options, keeping the choice where it is still there.
function options(select, values, names) {
  const chosen = select.value;
  select.replaceChildren(...values.map((v, i) => h('option', {value: v}, names ? names[i] : v)));
  if (values.includes(chosen)) select.value = chosen;
}

// With new data as many rows stay in sight, and the new ones beside.
function setTable(data) {
  const fresh = table.data ? data.attempts.length - table.data.attempts.length : 0;
  table.data = data;
  table.text.clear();
  const found = [
    ...new Set(data.attempts.filter((a) => a.verdict !== 'SEAL').map((a) => a.focus || 'mix')),
  ].sort();
  options($('focus'), ['', ...found], ['any', ...found]);
  $('verdicts').replaceChildren($('verdicts').firstElementChild, ...verdictFilters(data));
  showTable(table.shown + fresh);
}

function startTable() {
  $('table').tHead.rows[0].replaceChildren(...COLUMNS.map(headCell));
  $('find').addEventListener('input', () => {
    table.find = $('find').value.trim().toLowerCase();
    showTable();
  });
  $('focus').addEventListener('change', () => {
    table.focus = $('focus').value;
    showTable();
  });
  $('filter').addEventListener('submit', (event) => event.preventDefault());
  $('more').addEventListener('click', showMore);
  $('clear').addEventListener('click', () => {
    Object.assign(table, {find: '', focus: ''});
    table.verdicts.clear();
    $('filter').reset();
    for (const box of $('verdicts').querySelectorAll('input')) box.checked = false;
    showTable();
    $('find').focus();
  });
  if (typeof IntersectionObserver !== 'undefined')
    new IntersectionObserver(
      (entries) => {
        if (entries[0].isIntersecting && table.shown < table.rows.length) showMore();
      },
      {rootMargin: '400px'},
    ).observe($('more'));
}
