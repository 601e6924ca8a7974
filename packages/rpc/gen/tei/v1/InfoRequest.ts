// Original file: protos/third_party/tei/tei.proto


export interface InfoRequest {
}

export interface InfoRequest__Output {
}
