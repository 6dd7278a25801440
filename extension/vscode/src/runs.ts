import { basename, dirname, join } from 'node:path';
import { type Disposable, env, EventEmitter, FileType, RelativePattern, ThemeIcon, TreeItem, type TreeDataProvider, type TreeView, Uri, workspace } from 'vscode';
import { say } from './words';

const WRITTEN_MS = 5000;                                // a recording that has not grown for this long is not shown as one that runs
const GLANCE_MS = 3000;                                 // while the list is seen: not every disk tells what changes on it, nor at once
const MOST = 2000, GLANCED = 100;

interface Run { path: string; database: Uri; born: number; changed: number }

/** The recordings of the workspace: those that grow, then the others, the newest first. */
export class Runs implements TreeDataProvider<Run>, Disposable {
  private readonly news = new EventEmitter<void>();
  readonly onDidChangeTreeData = this.news.event;
  private readonly found = new Map<string, Run>();
  private looked: Promise<void> | null = null;
  private shown = '';                                   // what the tree has been told
  private due = 0;
  private later: ReturnType<typeof setTimeout> | undefined;
  private glances: ReturnType<typeof setInterval> | undefined;
  private readonly parts: Disposable[] = [this.news];

  /** Watches from the first time that somebody looks. */
  async getChildren(): Promise<Run[]> {
    const runs = await this.known();
    this.shown = this.words();
    if (runs.some(grows)) this.soon(WRITTEN_MS);
    return runs;
  }

  getTreeItem(run: Run): TreeItem {
    const item = new TreeItem(workspace.asRelativePath(run.path), 0);
    item.id = run.path;
    item.resourceUri = Uri.file(run.path);
    item.iconPath = new ThemeIcon(grows(run) ? 'record' : 'graph-line');
    item.description = grows(run) ? say('is being written') : new Date(run.changed).toLocaleString(env.language);
    item.tooltip = run.path;
    item.contextValue = 'run';
    item.command = { command: 'tapescope.open', title: say('Open Recording'), arguments: [Uri.file(run.path)] };
    return item;
  }

  async refresh(): Promise<void> {
    await (this.looked = this.look());
    this.news.fire();
  }

  /** Paths of all recordings that are known. */
  async paths(): Promise<string[]> {
    return (await this.known()).map(run => run.path);
  }

  /** The view in which the list stands: while it is seen, it is looked after. */
  seenIn(view: TreeView<Run>): void {
    const turn = () => {
      clearInterval(this.glances);
      if (!view.visible) return;
      void this.glance();
      this.glances = setInterval(() => void this.glance(), GLANCE_MS);
    };
    this.parts.push(view, view.onDidChangeVisibility(turn));
    turn();
  }

  private async known(): Promise<Run[]> {
    await (this.looked ??= this.look());
    return this.list();
  }

  /** All of the workspace. Watching begins before, so that what comes meanwhile is not missed. */
  private async look(): Promise<void> {
    this.watch();
    for (const uri of await workspace.findFiles('**/tape.db', '**/node_modules/**', MOST)) await this.meet(uri);
    for (const run of [...this.found.values()]) await this.meet(run.database);
  }

  private watch(): void {
    if (this.parts.some(part => 'onDidCreate' in part)) return;
    for (const folder of workspace.workspaceFolders ?? []) {
      const watcher = workspace.createFileSystemWatcher(new RelativePattern(folder, '**/tape.db*'));
      const changed = (uri: Uri) => void this.meet(uri).then(() => this.soon(200));
      this.parts.push(watcher, watcher.onDidCreate(changed), watcher.onDidChange(changed), watcher.onDidDelete(changed));
    }
  }

  /** Whether the newest have grown, and what stands beside them. */
  private async glance(): Promise<void> {
    const known = (await this.known()).slice(0, GLANCED);
    for (const run of known) await this.meet(run.database);
    for (const folder of new Set(known.map(run => dirname(run.path)))) {
      for (const [name, type] of await Promise.resolve(workspace.fs.readDirectory(Uri.file(folder))).catch(() => [])) {
        if (!(type & FileType.Directory) || this.found.has(join(folder, name))) continue;
        for (const database of ['tape.db', 'rank0/tape.db']) await this.meet(Uri.joinPath(Uri.file(folder), name, database));
      }
    }
    this.soon(0);
  }

  /** Takes in how a database stands: new, grown, gone. */
  private async meet(uri: Uri): Promise<void> {
    const database = uri.with({ path: uri.path.replace(/-(wal|shm|journal)$/, '') }), path = runOf(database);
    const [db, wal] = await Promise.all([database, database.with({ path: `${database.path}-wal` })].map(u => Promise.resolve(workspace.fs.stat(u)).catch(() => null)));
    const known = this.found.get(path);
    const logged = wal?.size ? wal.mtime : 0;            // whoever opens an ended recording makes an empty log: nothing is written
    if (db) this.found.set(path, { path, database, born: known?.born ?? db.ctime, changed: Math.max(db.mtime, logged, known?.changed ?? 0) });
    else if (known?.database.path === database.path) this.found.delete(path);
  }

  private list(): Run[] {
    return [...this.found.values()].sort((a, b) => Number(grows(b)) - Number(grows(a)) || (grows(a) ? b.born - a.born : b.changed - a.changed) || a.path.localeCompare(b.path));
  }

  /** What the tree shows: it is told of nothing else, however often a recording is written. */
  private words(): string {
    return this.list().map(run => `${run.path}\n${grows(run) || run.changed}`).join('\n');
  }

  /** Tells the tree by then at the latest, and looks again when what grows now may have stopped. */
  private soon(ms: number): void {
    const due = Date.now() + ms;
    if (this.due && this.due <= due) return;
    clearTimeout(this.later);
    this.due = due;
    this.later = setTimeout(() => {
      this.due = 0;
      if (this.words() !== this.shown) this.news.fire();
      else if (this.list().some(grows)) this.soon(WRITTEN_MS);
    }, ms);
  }

  dispose(): void {
    clearTimeout(this.later);
    clearInterval(this.glances);
    for (const part of this.parts) part.dispose();
  }
}

const grows = (run: Run) => Date.now() - run.changed < WRITTEN_MS;

/** Processes of one run, `rank0`, `rank1` ..., are one recording. */
function runOf(database: Uri): string {
  const folder = dirname(database.fsPath);
  return /^rank\d+$/.test(basename(folder)) ? dirname(folder) : folder;
}
