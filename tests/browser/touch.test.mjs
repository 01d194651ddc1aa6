// The viewer under fingers, on a phone: what Chromium makes of touches, not what the page is told of pointers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import './suite.mjs';
import { desktop } from './viewing.mjs';
import { PHONE, id } from './visit.mjs';

const SAMPLE = fileURLToPath(new URL('../../www/samples/lidc-slice.dcm', import.meta.url));
const FRAMES = fileURLToPath(new URL('../dicom/native-s16-multi.dcm', import.meta.url));

/** A viewer with a slice, and fingers: `fingers(type, ...points)`, each point where one of them is, or leaves; the third number is which. */
async function underFingers(paths, count) {
  const viewer = await desktop(paths, count, { viewport: PHONE });
  await viewer.open();
  await viewer.decoded();
  const session = await viewer.page.createCDPSession();
  const fingers = async (type, ...points) => {
    await session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y, finger], i) => ({ x, y, id: finger ?? i })) });
    await viewer.frame();
  };
  return {
    ...viewer,
    fingers,
    /** Where in the slice a point of the window lies: shares of its width and height. */
    async shareAt([x, y]) {
      const box = await viewer.box();
      return [(x - box.x) / box.width, (y - box.y) / box.height];
    },
    tap: async (point) => {
      await fingers('touchStart', point);
      await fingers('touchEnd');
    },
    pause: () => new Promise((resolve) => { setTimeout(resolve, 500); }),
  };
}

const near = (found, wanted, bound, what) => {
  for (const [i, value] of found.entries()) assert.ok(Math.abs(value - wanted[i]) < bound, `${what}: ${found}, and not ${wanted}`);
};

test('two fingers enlarge the slice about the middle between them, and nothing else', async () => {
  const { visit, page, box, centre, fingers, shareAt, tap, pause, leave } = await underFingers([SAMPLE], 1);
  const whole = await box();
  const [x, y] = await centre();
  // Twice a finger, and the slice fills the stage both ways: from now on it may lie anywhere.
  await tap([x, y]);
  await tap([x, y]);
  const enlarged = await box();
  assert.ok(enlarged.width / whole.width > 1.8, `${enlarged.width / whole.width} times by a double tap`);

  // A pinch off the middle: twice the distance, by fingers that do not move alike.
  const middle = [x - 35, y + 25];
  const held = await shareAt(middle);
  await fingers('touchStart', [middle[0] - 30, middle[1] - 10], [middle[0] + 30, middle[1] + 10]);
  for (let reach = 33; reach <= 60; reach += 3) {
    await fingers('touchMove', [middle[0] - reach, middle[1] - reach / 3], [middle[0] + reach, middle[1] + reach / 3]);
  }
  const pinched = await box();
  assert.ok(Math.abs(pinched.width / enlarged.width - 2) < 0.02, `${pinched.width / enlarged.width} times`);
  near(await shareAt(middle), held, 0.005, 'the middle of the fingers');

  // Both fingers together move it, and the last one goes on with that from where it is.
  await fingers('touchMove', [middle[0] - 40, middle[1] + 5], [middle[0] + 80, middle[1] + 45]);
  const moved = await box();
  near([moved.x - pinched.x, moved.y - pinched.y, moved.width / pinched.width], [20, 25, 1], 0.5, 'moved by both');
  await fingers('touchEnd', [middle[0] + 80, middle[1] + 45, 1]);
  const left = await box();
  near([left.x, left.y, left.width], [moved.x, moved.y, moved.width], 0.5, 'a finger that leaves moves nothing');
  await fingers('touchMove', [middle[0] - 55, middle[1] + 15]);
  const dragged = await box();
  near([dragged.x - moved.x, dragged.y - moved.y], [-15, 10], 0.5, 'moved by the last');
  await fingers('touchEnd');

  // Fingers that come together make it smaller, down to the whole.
  await fingers('touchStart', [x - 120, y], [x + 120, y]);
  for (let reach = 110; reach >= 10; reach -= 10) await fingers('touchMove', [x - reach, y], [x + reach, y]);
  await fingers('touchEnd');
  const small = await box();
  assert.ok(small.width < enlarged.width, `${small.width} of ${enlarged.width}`);
  // The browser itself has not enlarged the page.
  assert.equal(await page.evaluate(() => visualViewport.scale), 1);
  await pause();
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('one finger moves, sets the window or goes through the stack, as it was chosen; two taps enlarge there and fit again', async () => {
  const { visit, page, text, box, centre, fingers, shareAt, tap, pause, decoded, leave } = await underFingers([FRAMES], 3);
  const whole = await box();
  const [x, y] = await centre();
  const point = [x + 40, y];
  const [held] = await shareAt(point);
  await tap(point);
  await pause();
  await tap(point);
  near([(await box()).width], [whole.width], 0.5, 'taps far apart in time are none');
  await pause();
  await tap([point[0] - 60, point[1]]);
  await tap(point);
  near([(await box()).width], [whole.width], 0.5, 'taps far apart on the stage are none');
  await pause();
  await tap(point);
  await tap(point);
  const enlarged = await box();
  assert.ok(enlarged.width > 1.8 * whole.width);
  near([(await shareAt(point))[0]], [held], 0.005, 'what lay under the finger');

  await fingers('touchStart', [x, y]);
  for (let far = 10; far <= 50; far += 10) await fingers('touchMove', [x - far, y]);
  await fingers('touchEnd');
  const moved = await box();
  near([moved.x - enlarged.x, moved.y - enlarged.y], [-50, 0], 0.5, 'one finger moves it');
  await pause();
  await tap(point);
  await tap(point);
  near([(await box()).width], [whole.width], 0.5, 'two taps fit it again');

  await page.click(id('tool-window'));
  const windows = () => page.$$eval(`${id('window-center')}, ${id('window-width')}`, (fields) => fields.map((field) => field.valueAsNumber));
  const before = await windows();
  await page.$eval(id('viewer-stage'), (stage) => stage.scrollIntoView());
  const [wx, wy] = await centre();
  await fingers('touchStart', [wx, wy]);
  for (let far = 10; far <= 60; far += 10) await fingers('touchMove', [wx + far, wy]);
  await fingers('touchEnd');
  assert.ok((await windows())[1] > before[1], `${await windows()} after ${before}`);

  await page.click(id('tool-scroll'));
  await page.$eval(id('viewer-stage'), (stage) => stage.scrollIntoView());
  assert.match(await text('viewer-position'), /^Slice 1 of 3/);
  const [sx, sy] = await centre();
  await fingers('touchStart', [sx, sy - 20]);
  for (let far = -15; far <= 10; far += 5) await fingers('touchMove', [sx, sy + far]);
  await fingers('touchEnd');
  await decoded(3);

  // A second finger breaks off what the first began to measure.
  await page.click(id('tool-length'));
  await page.$eval(id('viewer-stage'), (stage) => stage.scrollIntoView());
  const [mx, my] = await centre();
  await fingers('touchStart', [mx - 20, my]);
  await fingers('touchMove', [mx - 30, my]);
  await fingers('touchStart', [mx - 30, my], [mx + 30, my]);
  await fingers('touchMove', [mx - 50, my], [mx + 50, my]);
  await fingers('touchEnd');
  assert.equal(await page.$$eval(`${id('viewer-measured')} li`, (items) => items.length), 0);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});
