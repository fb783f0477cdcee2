import { journalContract } from '../contract/journal.contract.js';
import { temporaryFolder } from './folders.js';
import { full, type Meddle } from './process-calls.js';
import { start } from './running.js';

const plain: Meddle = ({ proceed }) => proceed();

journalContract('a file', () => {
  const folder = temporaryFolder();
  let meddle = plain;
  const startNext = () => start(folder.path, (call) => meddle(call));
  let run = startNext();
  return {
    get journal() {
      return run.journal;
    },
    restart: () => {
      run.process.end();
      run = startNext();
    },
    fill: () => {
      meddle = full;
      return {
        [Symbol.dispose]: () => {
          meddle = plain;
        },
      };
    },
    [Symbol.dispose]: () => {
      run.process.end();
      folder[Symbol.dispose]();
    },
  };
});
