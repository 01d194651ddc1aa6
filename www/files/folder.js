// The files in folders, in the order of the command: by name, folder by folder. Their names are FOLDER/relative. Knows no element of
// the page and reads no file.

import { container } from '../reading/container.js';

/**
 * Inputs of files that a folder picker gave; their order there is the disk's.
 *
 * @param {File[]} files
 * @returns {GivenFile[]}
 */
export function ofFolders(files) {
  const folders = new Map([...new Set(files.map(({ webkitRelativePath }) => webkitRelativePath.split('/')[0]))].map((name) => [name, container(name)]));
  return files
    .map((file) => ({ file, path: file.webkitRelativePath.split('/') }))
    .sort((a, b) => compare(a.path, b.path))
    .map(({ file, path }) => ({ file, name: path.join('/'), folder: folders.get(path[0]) ?? null }));
}

/**
 * Inputs of files that were chosen by themselves.
 *
 * @param {File[]} files
 * @returns {GivenFile[]}
 */
export const ofFiles = (files) => files.map((file) => ({ file, name: file.name, folder: null }));

/**
 * Inputs of a drop: its files, and those in its folders.
 *
 * @param {DataTransfer} dropped
 * @returns {Promise<GivenFile[]>}
 */
export async function dropped({ items, files }) {
  // What was dropped is only there until the first await.
  const entries = [...items].filter(({ kind }) => kind === 'file').map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  if (!entries.some(({ entry }) => entry?.isDirectory)) return [...files].map((file) => ({ file, name: file.name, folder: null }));
  /** @type {GivenFile[]} */
  const given = [];
  for (const { entry, file } of entries) {
    if (isFolder(entry)) await add(entry, container(entry.name), given);
    else if (file) given.push({ file, name: file.name, folder: null });
  }
  return given;
}

/**
 * By code units, whatever the language.
 *
 * @param {string[]} a
 * @param {string[]} b
 */
function compare(a, b) {
  const at = a.findIndex((part, i) => part !== b[i]);
  if (at === -1 || at >= b.length) return a.length - b.length;
  return a[at] < b[at] ? -1 : 1;
}

/**
 * @param {FileSystemEntry | null} entry
 * @returns {entry is FileSystemDirectoryEntry}
 */
const isFolder = (entry) => entry?.isDirectory ?? false;

/**
 * Adds the files of a folder and of the folders in it.
 *
 * @param {FileSystemDirectoryEntry} folder
 * @param {Container} within What was dropped.
 * @param {GivenFile[]} given
 */
async function add(folder, within, given) {
  /** @type {FileSystemEntry[]} */
  let entries;
  try {
    entries = await list(folder);
  } catch {
    // It stands for itself, and cannot be read.
    given.push({ file: null, name: path(folder), folder: null });
    return;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isFolder(entry)) await add(entry, within, given);
    else given.push({ file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)), name: path(entry), folder: within });
  }
}

/** @param {FileSystemEntry} entry */
const path = ({ fullPath }) => fullPath.replace(/^\//, '');

/**
 * All that lies in a folder. A browser lists a large one in batches of 100; the last one is empty.
 *
 * @param {FileSystemDirectoryEntry} folder
 */
async function list(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const entries = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return entries;
    entries.push(...batch);
  }
}

/**
 * Null where the browser does not give it.
 *
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File | null>}
 */
const fileOf = (entry) => new Promise((resolve) => entry.file(resolve, () => resolve(null)));
