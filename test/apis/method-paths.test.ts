import type { ServiceDefinition } from '@grpc/grpc-js';
import { expect } from 'chai';
import { MonitorConnectionService } from '../../apis/generated/connection.js';
import { DevicePluginService, RegistrationService } from '../../apis/generated/deviceplugin-v1beta1.js';
import { HealthService } from '../../apis/generated/health.js';
import { NetworkServiceService } from '../../apis/generated/networkservice.js';
import { PodResourcesListerService as PodResourcesV1 } from '../../apis/generated/podresources-v1.js';
import { PodResourcesListerService as PodResourcesV1alpha1 } from '../../apis/generated/podresources-v1alpha1.js';
import { NetworkServiceEndpointRegistryService, NetworkServiceRegistryService } from '../../apis/generated/registry.js';
import { SpiffeWorkloadAPIService } from '../../apis/generated/workload.js';

/** Each method as `path`, or `path stream` when the server streams; no method here has a client stream. */
function methodsOf(service: ServiceDefinition): string[] {
  return Object.values(service).map((method) => {
    expect(method.requestStream, method.path).to.equal(false);
    return method.responseStream ? `${method.path} stream` : method.path;
  });
}

describe('the services have the method paths that peers call', () => {
  const cases: [name: string, service: ServiceDefinition, methods: string[]][] = [
    [
      'network service',
      NetworkServiceService,
      ['/networkservice.NetworkService/Request', '/networkservice.NetworkService/Close'],
    ],
    [
      'monitor, whose package is connection and not networkservice',
      MonitorConnectionService,
      ['/connection.MonitorConnection/MonitorConnections stream'],
    ],
    [
      'endpoint registry',
      NetworkServiceEndpointRegistryService,
      [
        '/registry.NetworkServiceEndpointRegistry/Register',
        '/registry.NetworkServiceEndpointRegistry/Find stream',
        '/registry.NetworkServiceEndpointRegistry/Unregister',
      ],
    ],
    [
      'service registry',
      NetworkServiceRegistryService,
      [
        '/registry.NetworkServiceRegistry/Register',
        '/registry.NetworkServiceRegistry/Find stream',
        '/registry.NetworkServiceRegistry/Unregister',
      ],
    ],
    ['health', HealthService, ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch stream']],
    [
      'workload API, which has no package',
      SpiffeWorkloadAPIService,
      [
        '/SpiffeWorkloadAPI/FetchX509SVID stream',
        '/SpiffeWorkloadAPI/FetchX509Bundles stream',
        '/SpiffeWorkloadAPI/FetchJWTSVID',
        '/SpiffeWorkloadAPI/FetchJWTBundles stream',
        '/SpiffeWorkloadAPI/ValidateJWTSVID',
      ],
    ],
    ['kubelet registration', RegistrationService, ['/v1beta1.Registration/Register']],
    [
      'device plugin',
      DevicePluginService,
      [
        '/v1beta1.DevicePlugin/GetDevicePluginOptions',
        '/v1beta1.DevicePlugin/ListAndWatch stream',
        '/v1beta1.DevicePlugin/GetPreferredAllocation',
        '/v1beta1.DevicePlugin/Allocate',
        '/v1beta1.DevicePlugin/PreStartContainer',
      ],
    ],
    [
      'pod resources v1',
      PodResourcesV1,
      ['/v1.PodResourcesLister/List', '/v1.PodResourcesLister/GetAllocatableResources', '/v1.PodResourcesLister/Get'],
    ],
    ['pod resources v1alpha1', PodResourcesV1alpha1, ['/v1alpha1.PodResourcesLister/List']],
  ];
  for (const [name, service, methods] of cases) {
    it(name, () => expect(methodsOf(service)).to.deep.equal(methods));
  }
});
