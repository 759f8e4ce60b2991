// SPDX-License-Identifier: Apache-2.0
// trust.js: false accepts, power, and the bound on false wins over the campaign.
'use strict';

const share = (x) => (known(x) ? `${round(100 * x, 2)}\u00a0%` : 'unknown');

function fact(term, value, note) {
  return h(
    'div',
    {class: 'fact'},
    h('dt', {}, term),
    h('dd', {}, h('b', {}, value), note ? h('span', {class: 'fine'}, note) : ''),
  );
}

function campaignFacts(data) {
  const c = data.campaign;
  return [
    fact(
      'A false win among them',
      `≤ ${share(c.false_win_bound)}`,
      `${c.attempts} attempts × ${c.alpha} × ${c.alpha_confirm}: acceptance, then a confirmation with nothing reused`,
    ),
  ];
}

function calibrationFacts(held, summary) {
  const facts = [
    fact(
      'This machine',
      held.verdict === 'FIT' ? 'fit to judge' : 'UNFIT',
      `${date(held.date)} UTC${held.why ? `; ${held.why}` : ''}`,
    ),
    fact(
      'False accepts, live',
      `${held.n_null_wins} of ${held.n_null}`,
      `controls without an effect that won; at most ${share(held.live_bound)} would (95 %)`,
    ),
    fact(
      'False accepts, replayed',
      `≤ ${share(held.replay_bound)}`,
      summary && known(summary.replays)
        ? `${summary.replay_wins} of ${summary.replays} replays of recorded units won (95 %)`
        : 'replays of recorded units (95 %)',
    ),
    fact('Smallest effect found', known(held.mde) ? percent(held.mde) : 'none', 'in 9 of 10 trials'),
    fact('Noise of a unit', share(held.noise), 'robust standard deviation of D'),
  ];
  if (summary && known(summary.n_slowed))
    facts.push(
      fact(
        'Slow-downs that won',
        `${summary.n_slowed_wins} of ${summary.n_slowed}`,
        `speed-ups of 3 %: ${summary.n_sped_3_wins} of ${summary.n_sped_3} won; of 2 %: ${summary.n_sped_2_wins} of ${summary.n_sped_2}`,
      ),
    );
  return facts;
}

function powerTable(power) {
  const columns = [
    {title: 'Effect', cell: (p) => `+${round(100 * p.effect)} %`},
    {title: 'Wins', cell: (p) => `${p.wins} of ${p.attempts}`},
    {title: 'Share', cell: (p) => (p.attempts ? `${((100 * p.wins) / p.attempts).toFixed(1)} %` : '–')},
    {title: 'Median units', cell: (p) => String(p.median_units)},
  ];
  return tableOf(
    h('caption', {}, 'Power: how often a change of this size wins, replayed'),
    columns.map((c) => ({...c, class: 'number'})),
    power,
    'power',
  );
}

function drawPower(figure, power, width) {
  const f = frame(
    width,
    220,
    {left: 46, right: 18, top: 30, bottom: 42},
    'Power of a trial by the size of the effect',
  );
  const x = d3.scaleLinear([0, d3.max(power, (p) => 100 * p.effect)], [f.left, f.right - 6]),
    y = d3.scaleLinear([0, 100], [f.bottom, f.top]);
  gridlines(f, y, [50, 90, 100]);
  axis(f, x, 'bottom', {ticks: 5, minor: x.ticks(20), format: (v) => `${v} %`, label: 'true effect'});
  axis(f, y, 'left', {ticks: [0, 50, 90, 100], format: (v) => `${v} %`, label: 'trials won'});
  const at = power.map((p) => [x(100 * p.effect), y((100 * p.wins) / Math.max(1, p.attempts))]);
  f.svg.append(
    s('path', {class: 'level', d: d3.line()([[x(0), y(0)], ...at])}),
    ...at.map(([cx, cy]) => s('circle', {class: 'dot', cx, cy, r: 3.5})),
  );
  figure.replaceChildren(f.svg);
}

function trustBody(data) {
  const c = data.calibration,
    held = c.on_record || c.recorded;
  if (!held)
    return [
      h('dl', {class: 'facts'}, ...campaignFacts(data)),
      h(
        'p',
        {class: 'note'},
        c.problem || 'No calibration on record: none of this judge on this machine, and no row carries one. ',
        h('code', {}, 'judge calibrate'),
        ' finds out, with blind controls, how often this judge is wrong here and what it can see.',
      ),
    ];
  const from = c.on_record
    ? 'Blind controls of this judge on this machine.'
    : `As attempt ${held.experiment} recorded it; this judge on this machine has none.`;
  const facts = h('dl', {class: 'facts'}, ...campaignFacts(data), ...calibrationFacts(held, c.summary));
  if (!c.summary || !Array.isArray(c.summary.power)) return [h('p', {class: 'lead'}, from), facts];
  const figure = h('figure', {id: 'power-chart'});
  return [
    h('p', {class: 'lead'}, from),
    facts,
    h('div', {class: 'pair even'}, figure, powerTable(c.summary.power)),
  ];
}
