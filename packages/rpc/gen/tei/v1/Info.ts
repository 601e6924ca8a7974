// Original file: protos/third_party/tei/tei.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { InfoRequest as _tei_v1_InfoRequest, InfoRequest__Output as _tei_v1_InfoRequest__Output } from '../../tei/v1/InfoRequest.ts';
import type { InfoResponse as _tei_v1_InfoResponse, InfoResponse__Output as _tei_v1_InfoResponse__Output } from '../../tei/v1/InfoResponse.ts';

/**
 * What is served.
 */
export interface InfoClient extends grpc.Client {
  Info(argument: _tei_v1_InfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  Info(argument: _tei_v1_InfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  Info(argument: _tei_v1_InfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  Info(argument: _tei_v1_InfoRequest, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  info(argument: _tei_v1_InfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  info(argument: _tei_v1_InfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  info(argument: _tei_v1_InfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  info(argument: _tei_v1_InfoRequest, callback: grpc.requestCallback<_tei_v1_InfoResponse__Output>): grpc.ClientUnaryCall;
  
}

/**
 * What is served.
 */
export interface InfoHandlers extends grpc.UntypedServiceImplementation {
  Info: grpc.handleUnaryCall<_tei_v1_InfoRequest__Output, _tei_v1_InfoResponse>;
  
}

export interface InfoDefinition extends grpc.ServiceDefinition {
  Info: MethodDefinition<_tei_v1_InfoRequest, _tei_v1_InfoResponse, _tei_v1_InfoRequest__Output, _tei_v1_InfoResponse__Output>
}
