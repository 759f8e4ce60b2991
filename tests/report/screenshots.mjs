// SPDX-License-Identifier: Apache-2.0
// screenshots.mjs MODULES CHROMIUM PAGE FOLDER: pictures of a report for the README, each below 200 KB:
// report-light.png, report-dark.png, report-attempt.png, report-narrow.png. MODULES and CHROMIUM are
// what fetch_browser.sh leaves and prints:
//   node tests/report/screenshots.mjs build/browser $(sh tests/report/fetch_browser.sh build/browser) report.html profiles
import {createRequire} from 'node:module';
import {resolve} from 'node:path';
import {statSync} from 'node:fs';

const [modules, chromium, page, folder] = process.argv.slice(2);
const playwright = createRequire(`${resolve(modules)}/`)('playwright-core');
const browser = await playwright.chromium.launch({
  executablePath: chromium,
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
const MOST_BYTES = 200000;

async function picture(name, colorScheme, [width, height], at) {
  const context = await browser.newContext({viewport: {width, height}, colorScheme, reducedMotion: 'reduce'});
  const tab = await context.newPage(),
    path = `${folder}/report-${name}.png`;
  await tab.goto(`file://${resolve(page)}${at.startsWith('#attempt-') ? at : ''}`);
  if (at && !at.startsWith('#attempt-'))
    await tab.evaluate((id) => document.querySelector(id).scrollIntoView(), at);
  await tab.screenshot({path});
  await context.close();
  const bytes = statSync(path).size;
  console.log(`${path}: ${bytes} bytes`);
  if (bytes > MOST_BYTES) throw new Error(`${path} is larger than ${MOST_BYTES} bytes`);
}

await picture('light', 'light', [1200, 1000], '');
await picture('dark', 'dark', [1200, 860], '#roofline');
await picture('attempt', 'light', [1100, 840], '#attempt-14');
await picture('narrow', 'dark', [390, 1000], '#progress');
await browser.close();
