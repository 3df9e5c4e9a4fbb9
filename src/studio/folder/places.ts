// places.ts: where things lie in the folder of a studio, as paths from it with `/`: pictures are known by these. Only names.

/** What the studio keeps beside the pictures. Its name begins with a dot, so that no command takes it for a class. */
export const OWN = '.finch-studio';

/** Pictures and folders that were thrown away. */
export const TRASH = `${OWN}/trash`;
/** Pictures that have arrived and have no place yet. */
export const INCOMING = `${OWN}/incoming`;
export const RUNS = `${OWN}/runs`;
/** Of each run the pictures that it learns from, as links. */
export const LEARNT = `${OWN}/pictures`;
export const EXPORTS = `${OWN}/exports`;

const isOwn = (id: string) => id.startsWith(`${OWN}/`);
export const isInTrash = (id: string) => id.startsWith(`${TRASH}/`);

/** The class of a picture: the folder it lies in; null for one without a class. */
export function classOf(id: string): string | null {
  const end = id.indexOf('/');
  return end < 0 || isOwn(id) ? null : id.slice(0, end);
}

/** The folder of a picture or folder; empty for those that lie in the studio's folder itself. */
export const folderOf = (id: string) => id.slice(0, Math.max(0, id.lastIndexOf('/')));

export const nameOf = (id: string) => id.slice(id.lastIndexOf('/') + 1);

export const joined = (folder: string, name: string) => (folder === '' ? name : `${folder}/${name}`);
