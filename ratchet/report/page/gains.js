// SPDX-License-Identifier: Apache-2.0
// gains.js: what each win added, and whether the sum of the claims is there when measured at once.
'use strict';

const GAINS_MOST = 28;

// Wins that moved the view, in order; the smallest ones together when there are too many.
function gainsOf(data, view) {
  const verdicts = new Map(data.attempts.map((a) => [a.experiment, a]));
  const wins = view.points
    .filter((p) => verdicts.get(p[0]).verdict === 'WIN')
    .map((p) => ({attempt: verdicts.get(p[0]), gain: p[2], deviation: p[3]}));
  if (wins.length <= GAINS_MOST) return {rows: wins, others: null};
  const kept = new Set(
    [...wins].sort((a, b) => Math.abs(b.gain) - Math.abs(a.gain)).slice(0, GAINS_MOST - 1),
  );
  const rest = wins.filter((w) => !kept.has(w));
  return {
    rows: wins.filter((w) => kept.has(w)),
    others: {n: rest.length, gain: rest.reduce((sum, w) => sum + w.gain, 0)},
  };
}

// Each bar begins where the one before ended; the last one is all of them.
function gainBars({rows, others}) {
  const bars = [];
  let level = 0;
  for (const r of rows) bars.push({from: level, to: (level += r.gain), row: r});
  if (others) bars.push({from: level, to: (level += others.gain), label: `${others.n} smaller wins`});
  bars.push({from: 0, to: level, label: 'all wins', total: true});
  return bars;
}

function gainGrid(f, x, t, wide) {
  const d = t.major.map((v) => `M${x(v)},${f.top - 6}V${f.bottom}`).join('');
  const at = (v) => ({
    class: 'tick',
    x: x(v),
    y: f.top - 12,
    'text-anchor': 'middle',
    'aria-hidden': 'true',
  });
  f.svg.append(
    s('path', {class: 'grid', 'aria-hidden': 'true', d}),
    ...t.major.filter((v, i) => wide || i % 2 === 0).map((v) => s('text', at(v), t.format(v))),
  );
}

function drawGains(figure, data, view, width) {
  const bars = gainBars(gainsOf(data, view)),
    wide = width >= 560,
    line = wide ? 23 : 34;
  const f = frame(
    width,
    44 + bars.length * line,
    {left: wide ? Math.min(300, width * 0.42) : 8, right: 62, top: 30, bottom: 4},
    'What each win added',
  );
  const low = Math.min(0, ...bars.map((b) => b.to)),
    high = Math.max(0.02, ...bars.map((b) => b.to));
  const x = d3.scaleLinear([low, high], [f.left + 4, f.right]);
  gainGrid(f, x, factorTicks(low, high), wide);
  const links = bars.map((b, i) => gainBar(f, x, b, f.top + i * line, line, wide, bars[i + 1]));
  f.svg.append(
    ...links.filter((l) => l.tagName !== 'a'),
    pointList(
      'Wins; arrow keys move, Enter opens one',
      links.filter((l) => l.tagName === 'a'),
    ),
  );
  figure.replaceChildren(f.svg);
}

function gainBar(f, x, b, y, line, wide, next) {
  const middle = wide ? y + line / 2 : y + line - 9,
    a = Math.min(x(b.from), x(b.to)),
    width = Math.max(1.5, Math.abs(x(b.to) - x(b.from)));
  const kind = b.total ? 'total' : b.to >= b.from ? 'win' : 'loss';
  const name = b.label || b.row.attempt.hypothesis.replace(/\s+/g, ' ');
  const parts = [
    s('rect', {class: 'row', x: 0, y, width: f.width, height: line}),
    s('rect', {class: `gain ${kind}`, x: a, y: middle - 6, width, height: 12}),
  ];
  if (next && !next.total)
    parts.push(s('path', {class: 'step', d: `M${x(b.to)},${middle + 6}V${middle + line - 6}`}));
  parts.push(
    wide
      ? s(
          'text',
          {class: 'name', x: f.left - 8, y: middle + 4, 'text-anchor': 'end'},
          b.label ? '' : s('tspan', {class: 'n'}, `${b.row.attempt.experiment} `),
          short(name, Math.floor((f.left - 44) / 6.4)),
        )
      : s(
          'text',
          {class: 'name', x: 8, y: y + 14},
          b.label ? '' : s('tspan', {class: 'n'}, `${b.row.attempt.experiment} `),
          short(name, Math.floor((f.width - 70) / 6.6)),
        ),
  );
  parts.push(
    s(
      'text',
      {class: 'value', x: a + width + 6, y: middle + 4},
      b.total ? times(b.to) : ` ${percent(b.to - b.from, Math.abs(b.to - b.from) < 1e-3 ? 2 : 1)}`,
    ),
  );
  if (!b.row) return s('g', {'aria-hidden': 'true'}, ...parts);
  return attemptLink(b.row.attempt.experiment, {}, ...parts);
}

function gainsTable(data, view) {
  let level = 0;
  const wins = view.points
    .map((p) => ({attempt: data.attempts[p[0] - 1], gain: p[2]}))
    .filter((w) => w.attempt.verdict === 'WIN')
    .map((w) => ({...w, level: (level += w.gain)}));
  const columns = [
    {title: 'Attempt', class: 'number', cell: (w) => String(w.attempt.experiment)},
    {title: 'Gain here', class: 'number', cell: (w) => percent(w.gain)},
    {title: 'Together', class: 'number', cell: (w) => times(w.level)},
    {
      title: 'Hypothesis',
      cell: (w) => h('a', {href: `#attempt-${w.attempt.experiment}`}, short(w.attempt.hypothesis, 140)),
    },
  ];
  return tableOf(h('caption', {class: 'hidden'}, 'What each win added'), columns, wins);
}

// --- the cumulative audit ---

const triple = (t, unit) => `${t[0].toFixed(2)}${unit}`;

function auditMissing() {
  return h(
    'p',
    {},
    'No cumulative audit on record. ',
    h('code', {}, 'ratchet audit --cumulative'),
    ' measures HEAD’s kernel against the first one; kept as ',
    h('code', {}, 'profiles/…/cumulative.txt'),
    ', it is shown here.',
  );
}

// The last line is the total.
function auditTable(c) {
  const ratio = (r) => (r.compares ? r.ratio[0].toFixed(2) : h('span', {class: 'fine'}, 'n/a'));
  const columns = [
    {title: 'Case', names: true, cell: (r) => r.name},
    {title: 'Measured', class: 'number', cell: (r) => triple(r.measured, '×')},
    {title: 'Claimed', class: 'number', cell: (r) => triple(r.claimed, '×')},
    {title: 'Ratio', class: 'number', cell: ratio},
  ];
  return h(
    'div',
    {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Cumulative audit by case'},
    tableOf(
      h('caption', {class: 'hidden'}, 'Measured and claimed speed-up of each case'),
      columns,
      [...c.cases, {...c.total, name: 'total, by weight'}],
      'sums',
    ),
  );
}

function auditRemarks(c) {
  if (!c.remarks.length) return '';
  return h(
    'details',
    {},
    h('summary', {}, plural(c.remarks.length, 'remark')),
    h('ul', {}, ...c.remarks.map((r) => h('li', {}, r))),
  );
}

function auditPanel(data) {
  const c = data.cumulative,
    t = c && c.total,
    title = h('h3', {}, 'Do the wins add up?');
  if (!t) return [title, auditMissing()];
  return [
    title,
    h(
      'p',
      {class: 'big'},
      h('b', {}, t.ratio[0].toFixed(3)),
      h('span', {}, ` honesty ratio, ${t.ratio[1].toFixed(3)} to ${t.ratio[2].toFixed(3)}`),
    ),
    h(
      'p',
      {},
      `HEAD against the first kernel, side by side: ${triple(t.measured, '×')} as fast; the wins claim ${triple(t.claimed, '×')} together.`,
    ),
    h('p', {class: 'fine'}, c.said || c.file),
    auditTable(c),
    auditRemarks(c),
  ];
}
