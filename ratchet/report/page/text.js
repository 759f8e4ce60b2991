// SPDX-License-Identifier: Apache-2.0
// text.js: elements, numbers and verdicts. Data enters the page through text nodes and attributes
// that hold no code, never as HTML.
'use strict';

const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ''));
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const hidden = (text) => h('span', {class: 'hidden'}, text);

// A table with a line for each of `rows`. A column is {title, class, cell(row)}: a title in `said` is
// only read aloud, the cells of a column with `names` name their line. `caption` is an element.
function tableOf(caption, columns, rows, name) {
  const head = columns.map((c) => h('th', {scope: 'col', class: c.class}, c.title || hidden(c.said)));
  const cell = (c, row) =>
    c.names ? h('th', {scope: 'row', class: c.class}, c.cell(row)) : h('td', {class: c.class}, c.cell(row));
  return h(
    'table',
    {class: name},
    caption,
    h('thead', {}, h('tr', {}, ...head)),
    h('tbody', {}, ...rows.map((row) => h('tr', {}, ...columns.map((c) => cell(c, row))))),
  );
}

// --- verdicts: a shape, a letter and a colour each, so that colour alone never says anything ---

const VERDICTS = {
  WIN: {letter: 'W', kind: 'win', path: 'M0,-6L6,5H-6Z', solid: true, word: 'win'},
  LOSS: {letter: 'L', kind: 'loss', path: 'M0,6L6,-5H-6Z', word: 'loss'},
  INCONCLUSIVE: {letter: 'I', kind: 'open', path: 'M0,-6L6,0L0,6L-6,0Z', word: 'inconclusive'},
  SAME_CODE: {letter: 'S', kind: 'same', path: 'M-5,-2.5H5M-5,2.5H5', word: 'same code'},
  FAIL: {letter: 'F', kind: 'fail', path: 'M-5,-5L5,5M5,-5L-5,5', word: 'failed'},
  CHEAT: {letter: 'C', kind: 'cheat', path: 'M0,-6L5.2,-3V3L0,6L-5.2,3V-3Z', solid: true, word: 'cheat'},
  UNFIT_MACHINE: {
    letter: 'U',
    kind: 'unfit',
    path: 'M-5,0a5,5,0,1,0,10,0a5,5,0,1,0,-10,0Z',
    word: 'unfit machine',
  },
  SEAL: {letter: 'E', kind: 'seal', path: 'M-4.5,-4.5H4.5V4.5H-4.5Z', word: 'judge changed'},
};
const verdictKey = (verdict) =>
  verdict.startsWith('FAIL') ? 'FAIL' : verdict in VERDICTS ? verdict : 'INCONCLUSIVE';
const verdictOf = (attempt) => VERDICTS[verdictKey(attempt.verdict)];

function glyphPath(v) {
  return s('path', {d: v.path, class: `glyph ${v.kind}${v.solid ? ' solid' : ''}`});
}
function glyph(v) {
  return s('svg', {viewBox: '-8 -8 16 16', width: 14, height: 14, 'aria-hidden': 'true'}, glyphPath(v));
}
function badge(attempt) {
  const v = verdictOf(attempt);
  return h(
    'span',
    {class: `badge ${v.kind}`},
    glyph(v),
    h('span', {class: 'word'}, attempt.verdict.replace(/_/g, ' ')),
    h('abbr', {class: 'letter', title: attempt.verdict, 'aria-hidden': 'true'}, v.letter),
  );
}

// --- numbers ---

const known = (x) => typeof x === 'number' && Number.isFinite(x);
function percent(log, digits = 2) {
  if (!known(log)) return '–';
  const text = (100 * Math.expm1(log)).toFixed(digits);
  return `${log < 0 ? '−' + text.replace('-', '') : '+' + text}\u00a0%`;
}
const interval = (low, high) => (known(low) && known(high) ? `${percent(low)} to ${percent(high)}` : '');
const times = (log) => `${Math.exp(log).toFixed(2)}×`;
function round(x, digits = 3) {
  if (!known(x)) return '–';
  if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6)) return x.toExponential(1).replace('-', '−');
  return String(Number(x.toPrecision(digits))).replace('-', '−');
}
const microseconds = (ns) => (known(ns) ? round(ns / 1e3, 4) : '–');
const duration = (seconds) => {
  const t = Math.max(0, Math.round(seconds));
  return t >= 3600
    ? `${Math.floor(t / 3600)} h ${Math.floor((t % 3600) / 60)} min`
    : t >= 60
      ? `${Math.floor(t / 60)} min ${t % 60} s`
      : `${t} s`;
};
// Of 2026-01-31T23:59:59Z, or as calibrations write it, 20260131T235959Z.
const date = (iso) =>
  String(iso ?? 'unknown')
    .replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)\d\dZ$/, '$1-$2-$3T$4:$5')
    .slice(0, 16)
    .replace('T', ' ');
const short = (text, n) => (text.length > n ? text.slice(0, n - 1).trimEnd() + '…' : text);
const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

// A small picture of an estimate with its interval around "no change". The scale is linear up to 1 %
// and logarithmic beyond, so that 0.5 % and 80 % both show; its ticks are 1 %, 10 % and 100 %.
function intervalBar(estimate, low, high, kind) {
  const x = (v) =>
    50 + 48 * Math.sign(v) * Math.min(1, Math.log1p(Math.abs(v) / 0.01) / Math.log1p(1 / 0.01));
  if (!known(estimate)) return '';
  const a = known(low) ? low : estimate,
    b = known(high) ? high : estimate;
  const ticks = [-0.1, -0.01, 0.01, 0.1].map((v) => `M${x(v)},10V14`).join('');
  return s(
    'svg',
    {class: `bar ${kind}`, viewBox: '0 0 100 14', width: 100, height: 14, 'aria-hidden': 'true'},
    s('path', {class: 'zero', d: 'M50,0V14'}),
    s('path', {class: 'scale', d: `M2,14H98${ticks}`}),
    s('path', {class: 'length', d: `M50,6H${x(estimate)}`}),
    s('path', {class: 'range', d: `M${x(a)},6H${Math.max(x(a) + 1, x(b))}`}),
    s('circle', {cx: x(estimate), cy: 6, r: 3}),
  );
}
