#!/usr/bin/env node
/**
 * Where the program begins. The kernel works on netdevs one after the other, and each client that waits for it waits in
 * a thread of Node's pool: four, which is Node's choice, would make clients wait for each other (link/rtnl-lane.ts).
 *
 * CommonJS, because the pool has its size from its first piece of work on, and reading an ES module is one.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '16';

void import('./main.js');
