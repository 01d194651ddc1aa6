// The start of the one file: unpacks what is in it, makes the modules and starts the page. The rest of the page cannot tell it from a
// web site, except that `lungglassFiles` holds the files that a site would serve.
(async () => {
  // Makes modules from blobs, each after those that it imports, and runs the last one.
  const run = (modules, workers) => {
    const addresses = new Map(workers);
    for (const { path, source } of modules) {
      const linked = source.replace(/"kiosk-(?:module|worker):([^"]+)"/g, (_, name) => JSON.stringify(addresses.get(name)));
      addresses.set(path, URL.createObjectURL(new Blob([linked], { type: 'text/javascript' })));
    }
    return import(addresses.get(modules.at(-1).path));
  };

  // In a page from a disk Chromium lets a worker import only what it made itself, and only where its script is no module.
  const workerScript = (modules) => `
    const early = [];
    const hold = ({ data }) => early.push(data);
    addEventListener('message', hold);
    (${run})(${JSON.stringify(modules)}, []).then(() => {
      removeEventListener('message', hold);
      for (const data of early) dispatchEvent(new MessageEvent('message', { data }));
    });`;

  const unstarted = document.getElementById('unstarted');
  unstarted.hidden = true;
  try {
    const packed = document.getElementById('kiosk-files');
    const bytes = Uint8Array.from(atob(packed.textContent), (character) => character.charCodeAt(0));
    // The page needs the memory more than the text.
    packed.remove();
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const all = await new Response(unpacked).arrayBuffer();

    // Four bytes for the length of the index, the index, the files one after the other.
    const start = 4 + new DataView(all).getUint32(0, true);
    const { page, workers, files } = JSON.parse(new TextDecoder().decode(new Uint8Array(all, 4, start - 4)));
    let at = start;
    globalThis.lungglassFiles = new Map(files.map(({ path, size }) => [path, new Uint8Array(all, (at += size) - size, size)]));

    // What was put in: the network that reads, and the operating point of a site.
    for (const [id, path] of [['kiosk-network', 'network.lungglass'], ['kiosk-point', 'operating-point.toml']]) {
      const node = document.getElementById(id);
      if (!node) continue;
      lungglassFiles.set(path, Uint8Array.from(atob(node.textContent), (character) => character.charCodeAt(0)));
      node.remove();
    }

    await run(page, workers.map((modules) => [
      modules.at(-1).path,
      URL.createObjectURL(new Blob([workerScript(modules)], { type: 'text/javascript' })),
    ]));
  } catch (cause) {
    unstarted.hidden = false;
    unstarted.querySelector('p').textContent = `LungGlass has not started. Either this file is damaged: copy it again from where it came from. Or the browser is too old: take Chrome or Edge 105, Firefox 114, Safari 16.4 or a later version. (${cause})`;
  }
})();
