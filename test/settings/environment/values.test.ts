import { expect } from 'chai';
import fc from 'fast-check';
import { logLevels } from '../../../src/ports/log.js';
import {
  parseCommaList,
  parseCommaMap,
  parseDistinctNames,
} from '../../../src/settings/environment/comma-separated.js';
import { parseGoBoolean } from '../../../src/settings/environment/go-boolean.js';
import { parseDialAddress, parseListenAddress } from '../../../src/settings/environment/host-port.js';
import { parseLogLevel } from '../../../src/settings/environment/log-level.js';
import { parseDialUrl, parseListenUrl } from '../../../src/settings/environment/socket-url.js';
import { parseSpiffeTemplate } from '../../../src/settings/environment/spiffe-template.js';
import type { Parsed } from '../../../src/settings/parsed.js';
import { anyText } from '../any-text.js';
import { breaks, outcome } from '../parsed-outcome.js';

interface Kind {
  readonly parse: (text: string) => Parsed<unknown>;
  readonly right: readonly (readonly [text: string, value: unknown])[];
  readonly wrong: readonly (readonly [text: string, rule: string])[];
}

const address = (host: string, port: number): object => ({ host, port });
const unix = (path: string): object => ({ kind: 'unix', path });
const tcp = (host: string, port: number): object => ({ kind: 'tcp', host, port });

const kinds: Readonly<Record<string, Kind>> = {
  boolean: {
    parse: parseGoBoolean,
    right: [
      ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
      ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
    ],
    wrong: ['', 'yes', 'on', 'tRUE', ' true', '2'].map((text) => [text, 'must be one of 1, t, T'] as const),
  },
  list: {
    parse: parseCommaList,
    right: [
      ['', []],
      ['  ', []],
      ['a', ['a']],
      ['a,b,c', ['a', 'b', 'c']],
      [' a , b', ['a', 'b']],
      ['etc/.*.rego,x', ['etc/.*.rego', 'x']],
    ],
    wrong: [
      ['a,,b', 'without empty items'],
      ['a,', 'without empty items'],
      [',', 'without empty items'],
    ],
  },
  'list of distinct names': {
    parse: parseDistinctNames,
    right: [['forwarder,sriovns', ['forwarder', 'sriovns']]],
    wrong: [
      ['', 'must not be empty'],
      ['a,,b', 'without empty items'],
      ['a,b,a', 'names "a" twice'],
    ],
  },
  'SPIFFE ID template': {
    parse: parseSpiffeTemplate,
    right: ['spiffe://a.b/ns/{namespace}/pod/{pod}', 'spiffe://a/{pod}', 'spiffe://a/x-{namespace}.{pod}/y'].map(
      (text) => [text, text] as const,
    ),
    wrong: [
      ['', 'spiffe://trust.domain/path'],
      ['https://a/{pod}', 'spiffe://trust.domain/path'],
      ['spiffe://{pod}', 'spiffe://trust.domain/path'],
      ['spiffe://a/ns', 'must have {namespace} or {pod}'],
      ['spiffe://a/{pod}/{pod}', 'the same placeholder twice'],
      ['spiffe://a/{namespace}{pod}', 'between its placeholders'],
      ['spiffe://a/{pod}/{node}', 'no placeholder but'],
      ['spiffe://a/{pod}}', 'no placeholder but'],
    ],
  },
  map: {
    parse: parseCommaMap,
    right: [
      ['', {}],
      ['p2p:true', { p2p: 'true' }],
      ['a:1,b:2', { a: '1', b: '2' }],
      [' a : 1 , b:', { a: '1', b: '' }],
    ],
    wrong: [
      ['a', '"a" is no k:v'],
      ['a:1,b', '"b" is no k:v'],
      ['a:1:2', '"a:1:2" is no k:v'],
      [':1', '":1" is no k:v'],
      ['a:1,', '"" is no k:v'],
      ['a:1,a:2', 'has the key "a" twice'],
    ],
  },
  'URL to connect to': {
    parse: parseDialUrl,
    right: [
      ['unix:///var/lib/nsm.io.sock', unix('/var/lib/nsm.io.sock')],
      ['unix:/run/agent.sock', unix('/run/agent.sock')],
      ['UNIX:///a', unix('/a')],
      ['unix:///a%20b', unix('/a b')],
      ['tcp://10.0.0.1:5001', tcp('10.0.0.1', 5001)],
      ['tcp://nsmgr.nsm-system.svc:5001', tcp('nsmgr.nsm-system.svc', 5001)],
      ['tcp://[::1]:5001', tcp('::1', 5001)],
    ],
    wrong: [
      ['', 'must be unix:///absolute/path or tcp://host:port'],
      ['/var/lib/nsm.io.sock', 'must be unix:///'],
      ['unix://var/lib/nsm.io.sock', 'must be unix:///'],
      ['unix:relative', 'must be unix:///'],
      ['unix://', 'must be unix:///'],
      ['unix:///', 'must be unix:///'],
      ['unix:///a/', 'must be unix:///'],
      ['unix:///a%zz', 'must be unix:///'],
      ['unix:///a%00b', 'must be unix:///'],
      ['unix:///a?b', 'must be unix:///'],
      [`unix:///${'a'.repeat(107)}`, 'has a path of 108 bytes'],
      ['tcp://host', 'its address must be host:port'],
      ['tcp://:5001', 'its address must be host:port'],
      ['tcp://host:0', 'its address must be host:port'],
      ['tcp://host:65536', 'its address must be host:port'],
      ['tcp://::1:5001', 'its address must be host:port'],
      ['tcp://user@host:1', 'must be unix:///'],
      ['tcp://host:1/path', 'must be unix:///'],
      ['http://host:80', 'must be unix:///'],
    ],
  },
  'URL to listen on': {
    parse: parseListenUrl,
    right: [
      ['unix:///listen.on.sock', unix('/listen.on.sock')],
      ['tcp://:5001', tcp('', 5001)],
      ['tcp://127.0.0.1:0', tcp('127.0.0.1', 0)],
    ],
    wrong: [
      ['tcp://', 'its address must be host:port or :port'],
      ['tcp://host', 'its address must be host:port or :port'],
    ],
  },
  'address to connect to': {
    parse: parseDialAddress,
    right: [
      ['collector:4317', address('collector', 4317)],
      ['[fe80::1%eth0]:1', address('fe80::1%eth0', 1)],
    ],
    wrong: ['', 'collector', ':4317', 'http://collector:4317', 'a b:1', '[x]:1', 'a:-1'].map(
      (text) => [text, 'must be host:port'] as const,
    ),
  },
  'address to listen on': {
    parse: parseListenAddress,
    right: [
      ['localhost:6060', address('localhost', 6060)],
      [':50000', address('', 50_000)],
    ],
    wrong: ['', '6060', ':', ':70000'].map((text) => [text, 'must be host:port or :port'] as const),
  },
  'log level': {
    parse: parseLogLevel,
    right: [
      ...logLevels.map((level) => [level.toUpperCase(), level] as const),
      ['Trace', 'trace'],
      ['WARNING', 'warn'],
    ],
    wrong: ['', 'verbose', 'information', ' info'].map((text) => [text, 'must be one of panic, fatal'] as const),
  },
};

for (const [kind, { parse, right, wrong }] of Object.entries(kinds)) {
  describe(`the value of a setting, ${kind}`, () => {
    for (const [text, value] of right) {
      it(`${JSON.stringify(text)} is ${JSON.stringify(value)}`, () => {
        expect(outcome(parse(text))).to.deep.equal(value);
      });
    }
    for (const [text, rule] of wrong) {
      it(`${JSON.stringify(text.slice(0, 40))} is wrong: ${rule}`, () => {
        expect(breaks(parse(text), rule)).to.equal(true);
      });
    }
    it('is read or refused, whatever the text', () => {
      fc.assert(fc.property(anyText, (text) => typeof parse(text).ok === 'boolean'));
    });
  });
}
