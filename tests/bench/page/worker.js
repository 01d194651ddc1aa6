// A worker with an instance of its own, as the page uses them: tells how many passes a second it makes over about so many seconds.

let classifier;

addEventListener('message', async ({ data: { input, seconds } }) => {
  try {
    if (!classifier) {
      const library = await import('/page/pkg/lungglass.js');
      const { modulePath } = await import('/page/common/published.js');
      await library.default({ module_or_path: `/page/${await modulePath()}` });
      classifier = new library.Classifier();
    }
    const start = performance.now();
    let count = 0;
    let took = 0;
    while (took < 1000 * seconds) {
      classifier.logits(input);
      count++;
      took = performance.now() - start;
    }
    postMessage({ rate: 1000 * count / took });
  } catch (failure) {
    postMessage({ error: String(failure?.message ?? failure) });
  }
});
