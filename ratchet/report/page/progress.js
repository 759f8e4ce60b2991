// SPDX-License-Identifier: Apache-2.0
// progress.js: every attempt as a point over the level that the wins have reached.
'use strict';

// The view's points by experiment; attempts that say nothing about it stand at the level of their day.
function placed(data, view) {
  const said = new Map(view.points.map((p) => [p[0], p]));
  let level = 0;
  return data.attempts.map((a) => {
    const p = said.get(a.experiment);
    const at = {attempt: a, before: level, gain: p ? p[2] : 0, deviation: p ? p[3] : 0, speaks: Boolean(p)};
    if (p && a.verdict === 'WIN') level += p[2];
    at.after = level;
    return at;
  });
}

// Attempts of the view: those that speak about it, and, measured or not, those that were meant to.
function belongs(data, view, at) {
  const a = at.attempt;
  if (a.verdict === 'SEAL') return false;
  if (view.subject === 'mix' && view.path === 'all') return true;
  if (at.speaks) return true;
  const inFocus =
    !a.focus ||
    a.focus === view.subject ||
    data.cases.some((c) => c.name === a.focus && c.op === view.subject);
  return (a.features || 'all') === view.path && (view.subject === 'mix' || inFocus) && !a.cases.length;
}

function describe(at) {
  const a = at.attempt;
  const gain = at.speaks
    ? `${percent(at.gain)} here`
    : a.cases.length
      ? 'says nothing about this view'
      : 'not measured';
  return `Attempt ${a.experiment}, ${a.verdict.replace(/_/g, ' ')}: ${short(a.hypothesis, 120)}; ${gain}`;
}

function progressScales(f, points, shown, when, along) {
  const extent = d3.extent(points, when),
    range = [f.left + 10, f.right - 8];
  const reached = shown.flatMap((p) => [p.before, p.after, p.before + p.gain]).concat(0);
  const low = Math.min(...reached, -0.02),
    high = Math.max(...reached, 0.05),
    pad = 0.06 * (high - low);
  return {
    x:
      along === 'date'
        ? d3.scaleUtc(extent, range)
        : d3.scaleLinear([Math.min(0, extent[0]), Math.max(extent[1], 1)], range),
    y: d3.scaleLinear([low - pad, high + pad], [f.bottom, f.top]),
  };
}

function progressAxes(f, x, y, t, along) {
  axis(f, x, 'bottom', {
    ticks: Math.max(3, Math.floor(f.width / 110)),
    format: along === 'date' ? undefined : d3.format('d'),
    minor: along === 'date' ? null : x.ticks(Math.floor(f.width / 22)),
    label: along === 'date' ? 'date (UTC)' : 'attempt',
  });
  axis(f, y, 'left', {
    ticks: t.major,
    format: t.format,
    minor: t.minor,
    label: 'times as fast as the first kernel',
  });
}

function drawProgress(figure, data, view, along, width) {
  const points = placed(data, view),
    shown = points.filter((p) => belongs(data, view, p));
  const f = frame(
    width,
    width < 600 ? 300 : 400,
    {left: 46, right: 18, top: 46, bottom: 42},
    'Speed-up over the first kernel, attempt by attempt; the table of attempts says the same',
  );
  const when = along === 'date' ? (p) => new Date(p.attempt.time) : (p) => p.attempt.experiment;
  const {x, y} = progressScales(f, points, shown, when, along),
    t = factorTicks(...y.domain());

  gridlines(f, y, t.major);
  drawEpochs(f, x, when, points);
  progressAxes(f, x, y, t, along);
  drawLevel(f, x, y, when, points);

  const readout = figure.querySelector('.readout') || h('p', {class: 'readout', 'aria-hidden': 'true'});
  const size = Math.max(0.45, Math.min(1, (f.right - f.left) / Math.max(1, points.length) / 13));
  const marks = shown.map((p) => mark(p, x(when(p)), y, readout, size));
  f.svg.append(pointList('Attempts; arrow keys move, Enter opens one', marks));
  readout.replaceChildren(restingText(view));
  figure.replaceChildren(readout, f.svg);
}

const restingText = (view) => `${view.points.length ? times(view.level) : '1.00×'} now · point at an attempt`;

function drawLevel(f, x, y, when, points) {
  if (!points.length) return;
  const steps = [{x: f.left, y: y(0)}].concat(
    points.map((p) => ({x: x(when(p)), y: y(p.after)})),
    {x: f.right, y: y(points.at(-1).after)},
  );
  const line = d3
    .line(
      (p) => p.x,
      (p) => p.y,
    )
    .curve(d3.curveStepAfter);
  const area = d3
    .area()
    .x((p) => p.x)
    .y0(f.bottom)
    .y1((p) => p.y)
    .curve(d3.curveStepAfter);
  f.svg.append(
    s('path', {class: 'fill', d: area(steps), 'aria-hidden': 'true'}),
    s('path', {class: 'level', d: line(steps), 'aria-hidden': 'true'}),
  );
}

function drawEpochs(f, x, when, points) {
  let last = -Infinity;
  points
    .filter((p) => p.attempt.verdict === 'SEAL')
    .forEach((p, i) => {
      const at = x(when(p));
      const g = s(
        'g',
        {class: 'epoch', 'aria-hidden': 'true'},
        s('title', {}, `Row ${p.attempt.experiment}: ${p.attempt.reason}`),
        s('path', {d: `M${at},${f.top - 4}V${f.bottom}`}),
      );
      if (at - last > 24) {
        g.append(s('text', {x: at, y: f.top - 9, 'text-anchor': 'middle'}, `E${i + 2}`));
        last = at;
      }
      f.svg.append(g);
    });
}

// Where the attempt leads to, or would have led to; a stem ties it to the level it was made against.
function mark(p, x, y, readout, size) {
  const a = p.attempt,
    v = verdictOf(a),
    to = y(p.before + p.gain),
    from = y(p.before);
  const tell = () =>
    readout.replaceChildren(
      glyph(v),
      h('b', {}, ` ${a.experiment} `),
      h('span', {class: 'number'}, p.speaks ? percent(p.gain) : '–'),
      ` ${short(a.hypothesis.replace(/\s+/g, ' '), 150)}`,
    );
  const link = attemptLink(a.experiment, {
    'aria-label': describe(p),
    class: p.speaks ? 'point' : 'point mute',
    onmouseenter: tell,
    onfocus: tell,
  });
  if (Math.abs(to - from) > 8) link.append(s('path', {class: `stem ${v.kind}`, d: `M${x},${from}V${to}`}));
  if (p.speaks && p.deviation > 0)
    link.append(
      s('path', {
        class: `whisker ${v.kind}`,
        d: `M${x},${y(p.before + p.gain - 1.96 * p.deviation)}V${y(p.before + p.gain + 1.96 * p.deviation)}`,
      }),
    );
  link.append(
    s('circle', {class: 'target', cx: x, cy: to, r: 5 + 6 * size}),
    s('g', {transform: `translate(${x},${to}) scale(${size})`}, glyphPath(v)),
  );
  return link;
}

// --- around it ---

function progressLead(data, view) {
  const wins = data.attempts.filter(
    (a) => a.verdict === 'WIN' && view.points.some((p) => p[0] === a.experiment),
  ).length;
  const out = view.left_out.length
    ? ` ${plural(view.left_out.length, 'case')} that not every win measured stay${view.left_out.length === 1 ? 's' : ''} out.`
    : '';
  const what =
    view.subject === 'mix'
      ? `the workload’s mix of ${plural(view.cases.length, 'case')}, by their weights`
      : `${view.subject}, ${plural(view.cases.length, 'case')}`;
  return (
    `${times(view.level)} the first kernel in ${what}${view.path === 'all' ? '' : `, judged with ${view.path} alone`}: what ${plural(wins, 'win')} claimed together, each counting for what it had in focus. ` +
    `A loss stands where it would have led.${out}`
  );
}

function legendOf(data) {
  const counts = new Map();
  for (const a of data.attempts)
    counts.set(verdictKey(a.verdict), (counts.get(verdictKey(a.verdict)) || 0) + 1);
  const item = (k) =>
    h('span', {}, glyph(VERDICTS[k]), `${VERDICTS[k].word} `, h('b', {}, String(counts.get(k))));
  const epochs = counts.get('SEAL')
    ? h('span', {}, h('b', {}, `E2 … E${counts.get('SEAL') + 1}`), ' the judge changed, a new epoch begins')
    : '';
  const faded = data.views.length > 1 ? h('span', {}, 'faded: says nothing about this view') : '';
  return [
    ...Object.keys(VERDICTS)
      .filter((k) => counts.has(k) && k !== 'SEAL')
      .map(item),
    faded,
    epochs,
  ].filter(Boolean);
}
