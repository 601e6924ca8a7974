// Original file: protos/third_party/tei/tei.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { PredictPairRequest as _tei_v1_PredictPairRequest, PredictPairRequest__Output as _tei_v1_PredictPairRequest__Output } from '../../tei/v1/PredictPairRequest.ts';
import type { PredictRequest as _tei_v1_PredictRequest, PredictRequest__Output as _tei_v1_PredictRequest__Output } from '../../tei/v1/PredictRequest.ts';
import type { PredictResponse as _tei_v1_PredictResponse, PredictResponse__Output as _tei_v1_PredictResponse__Output } from '../../tei/v1/PredictResponse.ts';

/**
 * Classification. A stream answers its requests in order; the first that fails ends it.
 */
export interface PredictClient extends grpc.Client {
  Predict(argument: _tei_v1_PredictRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  Predict(argument: _tei_v1_PredictRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  Predict(argument: _tei_v1_PredictRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  Predict(argument: _tei_v1_PredictRequest, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predict(argument: _tei_v1_PredictRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predict(argument: _tei_v1_PredictRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predict(argument: _tei_v1_PredictRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predict(argument: _tei_v1_PredictRequest, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * `inputs` are one text, or two: a pair.
   */
  PredictPair(argument: _tei_v1_PredictPairRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  PredictPair(argument: _tei_v1_PredictPairRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  PredictPair(argument: _tei_v1_PredictPairRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  PredictPair(argument: _tei_v1_PredictPairRequest, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  /**
   * `inputs` are one text, or two: a pair.
   */
  predictPair(argument: _tei_v1_PredictPairRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predictPair(argument: _tei_v1_PredictPairRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predictPair(argument: _tei_v1_PredictPairRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  predictPair(argument: _tei_v1_PredictPairRequest, callback: grpc.requestCallback<_tei_v1_PredictResponse__Output>): grpc.ClientUnaryCall;
  
  PredictPairStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictPairRequest, _tei_v1_PredictResponse__Output>;
  PredictPairStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictPairRequest, _tei_v1_PredictResponse__Output>;
  predictPairStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictPairRequest, _tei_v1_PredictResponse__Output>;
  predictPairStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictPairRequest, _tei_v1_PredictResponse__Output>;
  
  PredictStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictRequest, _tei_v1_PredictResponse__Output>;
  PredictStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictRequest, _tei_v1_PredictResponse__Output>;
  predictStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictRequest, _tei_v1_PredictResponse__Output>;
  predictStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_tei_v1_PredictRequest, _tei_v1_PredictResponse__Output>;
  
}

/**
 * Classification. A stream answers its requests in order; the first that fails ends it.
 */
export interface PredictHandlers extends grpc.UntypedServiceImplementation {
  Predict: grpc.handleUnaryCall<_tei_v1_PredictRequest__Output, _tei_v1_PredictResponse>;
  
  /**
   * `inputs` are one text, or two: a pair.
   */
  PredictPair: grpc.handleUnaryCall<_tei_v1_PredictPairRequest__Output, _tei_v1_PredictResponse>;
  
  PredictPairStream: grpc.handleBidiStreamingCall<_tei_v1_PredictPairRequest__Output, _tei_v1_PredictResponse>;
  
  PredictStream: grpc.handleBidiStreamingCall<_tei_v1_PredictRequest__Output, _tei_v1_PredictResponse>;
  
}

export interface PredictDefinition extends grpc.ServiceDefinition {
  Predict: MethodDefinition<_tei_v1_PredictRequest, _tei_v1_PredictResponse, _tei_v1_PredictRequest__Output, _tei_v1_PredictResponse__Output>
  PredictPair: MethodDefinition<_tei_v1_PredictPairRequest, _tei_v1_PredictResponse, _tei_v1_PredictPairRequest__Output, _tei_v1_PredictResponse__Output>
  PredictPairStream: MethodDefinition<_tei_v1_PredictPairRequest, _tei_v1_PredictResponse, _tei_v1_PredictPairRequest__Output, _tei_v1_PredictResponse__Output>
  PredictStream: MethodDefinition<_tei_v1_PredictRequest, _tei_v1_PredictResponse, _tei_v1_PredictRequest__Output, _tei_v1_PredictResponse__Output>
}
