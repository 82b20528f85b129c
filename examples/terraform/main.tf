# A released template as a CloudFormation stack.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "bucket" {
  type        = string
  description = "Bucket of the release, in the Region of the stack."
}

variable "release" {
  type        = string
  description = "Version of the release, such as 0.1.0."
}

variable "mode" {
  type        = string
  default     = "plan"
  description = "plan reads and reports; enforce also makes the approved changes."
}

variable "parameters" {
  type        = map(string)
  default     = {}
  description = "Other parameters of the template, such as NotificationEmail."
}

locals {
  prefix = "drover/${var.release}/"
}

data "aws_s3_bucket" "release" {
  bucket = var.bucket
}

resource "aws_cloudformation_stack" "drover" {
  name         = "drover"
  template_url = "https://${data.aws_s3_bucket.release.bucket_regional_domain_name}/${local.prefix}drover.template.json"
  capabilities = ["CAPABILITY_IAM"]

  parameters = merge(var.parameters, {
    CodeBucket = var.bucket
    CodePrefix = local.prefix
    Mode       = var.mode
  })
}

output "drover" {
  description = "Names, ARNs and URLs of the deployment."
  value       = aws_cloudformation_stack.drover.outputs
}
